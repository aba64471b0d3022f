"""The separate process that holds pretrained models. The bot talks to it by lines."""
