"""Small checkpoints for the pipelines that no checkpoint of tests/inference/tiny_families.py serves.

`python -m tests.inference.tiny_pipelines FOLDER` creates the checkpoints of both modules.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import transformers as hf
from numpy.typing import NDArray
from tokenizers import processors

from bot.inference import audio
from tests.inference.families import LABELS, QUESTION
from tests.inference.tiny_families import BOTH_SIDES, SMALL, Expected, family, letters, main, picture, saved, settled

TOWER = {**SMALL, "max_position_embeddings": 64, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
SIDE = {"height": 32, "width": 32}


def marked() -> hf.PreTrainedTokenizerFast:
    """Return a tokenizer of letters that adds a start and an end token, which text encoders need."""
    tokenizer = letters(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    tokenizer.backend_tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    tokenizer.model_max_length = 64
    return tokenizer


def tone() -> NDArray[np.float32]:
    """Return a second of a rising tone, and save it beside the checkpoints."""
    samples = np.sin(np.arange(16_000) ** 2 / 90_000).astype(np.float32)
    (Path(sys.argv[1]) / "tone.wav").write_bytes(audio.wav(samples, 16_000))
    return audio.decoded((Path(sys.argv[1]) / "tone.wav").read_bytes(), 16_000)


def scored(found: Sequence[dict[str, object]]) -> list[list[object]]:
    return [[label["label"], label["score"]] for label in found]


@family
def wav2vec2(folder: Path) -> Expected:
    config = hf.Wav2Vec2Config(
        **SMALL,
        conv_dim=(8, 8),
        conv_kernel=(8, 4),
        conv_stride=(20, 10),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=16,
        id2label=dict(enumerate(("yes", "no", "stop"))),
    )
    saved(folder, settled(hf.Wav2Vec2ForSequenceClassification(config)), hf.Wav2Vec2FeatureExtractor())
    return {"run": scored(hf.pipeline("audio-classification", model=str(folder))(tone()))}


@family
def clap(folder: Path) -> Expected:
    tokenizer = marked()
    text = {**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": 70, "projection_dim": 16}
    ears = {"hidden_size": 32, "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [2, 2]}
    ears |= {"num_hidden_layers": 2, "spec_size": 64, "num_mel_bins": 16, "window_size": 4, "patch_size": 4}
    ears |= {"patch_stride": [4, 4], "projection_dim": 16, "aff_block_r": 2, "enable_fusion": False}
    extractor = hf.ClapFeatureExtractor(
        feature_size=16,
        sampling_rate=16_000,
        hop_length=160,
        max_length_s=1,
        fft_window_size=400,
        truncation="rand_trunc",
    )
    network = settled(hf.ClapModel(hf.ClapConfig(text_config=text, audio_config=ears, projection_dim=16)))
    saved(folder, network, tokenizer, extractor)
    listen = hf.pipeline("zero-shot-audio-classification", model=str(folder))
    return {"run": scored(listen(tone(), candidate_labels=list(LABELS)))}


@family
def segformer(folder: Path) -> Expected:
    config = hf.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label=dict(enumerate(("sky", "grass", "road"))),
    )
    saved(folder, settled(hf.SegformerForSemanticSegmentation(config)), hf.SegformerImageProcessorPil(size=SIDE))
    return {"run": [part["label"] for part in hf.pipeline("image-segmentation", model=str(folder))(picture())]}


@family
def glpn(folder: Path) -> Expected:
    config = hf.GLPNConfig(
        depths=[1] * 4,
        sr_ratios=[2, 2, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
    )
    saved(folder, settled(hf.GLPNForDepthEstimation(config)), hf.GLPNImageProcessorPil())
    return {"run": ["depth"]}


@family
def clip(folder: Path) -> Expected:
    tokenizer = marked()
    config = hf.CLIPConfig(
        text_config={**TOWER, "vocab_size": len(tokenizer), "projection_dim": 16},
        vision_config={**SMALL, "image_size": 32, "patch_size": 8, "projection_dim": 16},
        projection_dim=16,
    )
    processor = hf.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=SIDE)
    saved(folder, settled(hf.CLIPModel(config)), tokenizer, processor)
    look = hf.pipeline("zero-shot-image-classification", model=str(folder))
    return {"run": scored(look(picture(), candidate_labels=list(LABELS)))}


@family
def owlvit(folder: Path) -> Expected:
    tokenizer = letters(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    tokenizer.model_max_length = 64
    config = hf.OwlViTConfig(
        text_config={**TOWER, "vocab_size": len(tokenizer)},
        vision_config={**SMALL, "image_size": 32, "patch_size": 8},
        projection_dim=32,
    )
    saved(folder, settled(hf.OwlViTForObjectDetection(config)), tokenizer, hf.OwlViTImageProcessorPil(size=SIDE))
    look = hf.pipeline("zero-shot-object-detection", model=str(folder))
    return {"run": scored(look(picture(), candidate_labels=list(LABELS)))}


@family
def donut(folder: Path) -> Expected:
    tokenizer = letters(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    marks = ["<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    eyes = hf.DonutSwinConfig(image_size=[32, 32], patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[2, 2])
    eyes.window_size = 4
    mouth = hf.MBartConfig(
        **BOTH_SIDES,
        vocab_size=len(tokenizer),
        max_position_embeddings=512,
        is_decoder=True,
        is_encoder_decoder=False,
        add_cross_attention=True,
    )
    config = hf.VisionEncoderDecoderConfig(
        encoder=eyes.to_dict(), decoder=mouth.to_dict(), decoder_start_token_id=0, eos_token_id=1, pad_token_id=2
    )
    network = settled(hf.VisionEncoderDecoderModel(config=config))
    network.generation_config.update(decoder_start_token_id=0, eos_token_id=1, pad_token_id=2, max_length=None)
    saved(folder, network, hf.DonutProcessor(hf.DonutImageProcessorPil(size=SIDE), tokenizer))
    read = hf.pipeline("document-question-answering", model=str(folder))
    return {"run": read(image=picture(), question=QUESTION)[0]["answer"] or "The file has no answer to the question."}


@family
def videomae(folder: Path) -> Expected:
    config = hf.VideoMAEConfig(
        **SMALL,
        image_size=32,
        patch_size=8,
        num_frames=4,
        tubelet_size=2,
        id2label=dict(enumerate(("running", "cooking", "singing"))),
    )
    processor = hf.VideoMAEImageProcessorPil(size={"shortest_edge": 32}, crop_size=SIDE)
    saved(folder, settled(hf.VideoMAEForVideoClassification(config)), processor)
    return {}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
