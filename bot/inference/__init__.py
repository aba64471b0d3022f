"""The separate process that holds pretrained models. The bot starts `python -m bot.inference` and talks to it by lines."""
