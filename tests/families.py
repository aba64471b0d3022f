"""What the models of random weights are asked, here and when they are made."""

TEXT = "Ann met Bob in Paris on Monday, and both of them sang."
OTHER = "A dog sat."
QUESTION = "Who sang in Paris?"
SAID = "Nobody was there at first. Then Ann met Bob in Paris, and both of them sang until the morning."
LONG = " ".join(f"In {year} Ann lived in town number {year % 7} and sang." for year in range(1960, 2000))
LABELS = ("music", "travel", "food")
ENTITIES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
BLANK = "___"
PICTURE_SIZE = (48, 40)
