"""Classification of pictures, and detection of the objects in them."""

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
        """Load the processor of pictures."""
        self._processor = AutoImageProcessor.from_pretrained(self.folder, **SAFE)


class ImageClassifier(_VisionModel):
    """A model for image classification."""

    auto = "AutoModelForImageClassification"

    def do(self, work: Work) -> JobAnswer:
        """Return the likeliest of the model's labels."""
        self.produced = 1
        job = work.job
        assert isinstance(job, ClassifyPicture)
        inputs = self._processor(images.opened(job.data), return_tensors="pt").to(self.device, self.network.dtype)
        logits = self.network(**inputs).logits[0].float().cpu()
        several = self.network.config.problem_type == "multi_label_classification"
        scores = logits.sigmoid() if several else logits.softmax(-1)
        return Labels((ranked(scores, self.network.config.id2label)[: job.most],))


class ObjectDetector(_VisionModel):
    """A model for object detection."""

    auto = "AutoModelForObjectDetection"

    def do(self, work: Work) -> JobAnswer:
        """Return the boxes of the objects with a high enough score."""
        self.produced = 1
        job = work.job
        assert isinstance(job, Detect)
        image = images.opened(job.data)
        inputs = self._processor(image, return_tensors="pt").to(self.device, self.network.dtype)
        size = torch.tensor([[image.height, image.width]])
        (objects,) = self._processor.post_process_object_detection(
            self.network(**inputs), threshold=job.surety, target_sizes=size
        )
        names = self.network.config.id2label
        boxes = [
            Box(names[int(label)], float(score), *(round(float(edge), 1) for edge in box))
            for score, label, box in zip(objects["scores"], objects["labels"], objects["boxes"], strict=True)
        ]
        return Boxes(image.width, image.height, tuple(sorted(boxes, key=lambda box: -box.score)))
