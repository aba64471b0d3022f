"""Inputs for models with random weights, in the tests and at the creation of the models."""

TEXT = "Ann met Bob in Paris on Monday, and both of them sang."
OTHER = "A dog sat."
QUESTION = "Who sang in Paris?"
SAID = "Nobody was there at first. Then Ann met Bob in Paris, and both of them sang until the morning."
LONG = " ".join(f"In {year} Ann lived in town number {year % 7} and sang." for year in range(1960, 2000))
LABELS = ("music", "travel", "food")
ENTITIES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
BLANK = "___"
PICTURE_SIZE = (48, 40)
PREFIXES = {"summarization": "sum up ", "translation_en_to_de": "in German ", "translation_en_to_fr": "in French "}
"""Prefix of texts for the T5 model."""

FAMILIES = {
    "GPT-2": {"gpt2": "write"},
    "LLaMA": {"llama": "write"},
    "Mistral": {"mistral": "write"},
    "Falcon": {"falcon": "write", "falcon_alibi": "write"},
    "Qwen": {"qwen": "write"},
    "Gemma": {"gemma": "write"},
    "BERT": {"bert": "fill", "bert_entities": "tag", "bert_embeddings": "embed"},
    "DistilBERT": {"distilbert": "classify", "distilbert_answers": "extract"},
    "RoBERTa": {"roberta": "classify"},
    "T5": {"t5": "rewrite"},
    "BART": {"bart": "rewrite"},
    "Marian": {"marian": "rewrite"},
    "M2M100": {"m2m": "rewrite"},
    "Whisper": {"whisper": "transcribe"},
    "VITS": {"vits": "speak"},
    "ViT": {"vit": "classify-picture"},
    "DETR": {"detr": "detect"},
    "LLaVA": {"llava": "describe"},
    "BLIP": {"blip": "describe"},
}
"""Every family's checkpoints, each with the skill that it is loaded for."""


def table() -> str:
    """Return the table of families in docs/models.md."""
    rows = (f"| {name} | {', '.join(dict.fromkeys(made.values()))} |" for name, made in FAMILIES.items())
    return "\n".join(["| family | tested skills |", "|---|---|", *rows])
