"""Pictures to labels and boxes."""

from __future__ import annotations

import torch
from transformers import AutoImageProcessor

from bot.inference import images
from bot.inference.models.base import SAFE, LoadedModel
from bot.inference.models.text_classification import ranked
from bot.inference.scheduler import Work
from bot.interfaces.jobs import Box, Boxes, ClassifyPicture, Detect, JobAnswer, Labels


class _VisionModel(LoadedModel):
    unit = "pictures"

    def open(self) -> None:
        """Pixels to numbers."""
        self._processor = AutoImageProcessor.from_pretrained(self.folder, **SAFE)


class ImageClassifier(_VisionModel):
    """What a picture shows."""

    auto = "AutoModelForImageClassification"

    def do(self, work: Work) -> JobAnswer:
        """The model's labels."""
        self.made = 1
        job = work.job
        assert isinstance(job, ClassifyPicture)
        inputs = self._processor(images.opened(job.data), return_tensors="pt").to(self.device, self.network.dtype)
        logits = self.network(**inputs).logits[0].float().cpu()
        several = self.network.config.problem_type == "multi_label_classification"
        scores = logits.sigmoid() if several else logits.softmax(-1)
        return Labels((ranked(scores, self.network.config.id2label)[: job.most],))


class ObjectDetector(_VisionModel):
    """What is where in a picture."""

    auto = "AutoModelForObjectDetection"

    def do(self, work: Work) -> JobAnswer:
        """Boxes."""
        self.made = 1
        job = work.job
        assert isinstance(job, Detect)
        image = images.opened(job.data)
        inputs = self._processor(image, return_tensors="pt").to(self.device, self.network.dtype)
        size = torch.tensor([[image.height, image.width]])
        (found,) = self._processor.post_process_object_detection(
            self.network(**inputs), threshold=job.surety, target_sizes=size
        )
        names = self.network.config.id2label
        boxes = [
            Box(names[int(label)], float(score), *(round(float(edge), 1) for edge in box))
            for score, label, box in zip(found["scores"], found["labels"], found["boxes"], strict=True)
        ]
        return Boxes(image.width, image.height, tuple(sorted(boxes, key=lambda box: -box.score)))
