"""Create a checkpoint of a few kilobytes with random weights for each family.

`python -m tests.inference.tiny_families FOLDER` runs it.

The file expected.json holds the answers of transformers itself to the inputs in families.py, by its pipelines or by
the models' classes. It runs in a process of its own, so that the tests' process does not import torch.
"""

from __future__ import annotations

import io
import json
import string
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import sentencepiece
import torch
import transformers as hf
from PIL import Image
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tests.inference.families import BLANK, ENTITIES, LABELS, LONG, OTHER, PICTURE_SIZE, PREFIXES, QUESTION, SAID, TEXT

Expected = Mapping[str, object]
MAKERS: dict[str, Callable[[Path], Expected]] = {}

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.4,
}
TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}[assistant]"
TOOLS = "{% if tools %}{% for tool in tools %}{{ tool.function.name }} {% endfor %}{% endif %}" + TEMPLATE


def family(make: Callable[[Path], Expected]) -> Callable[[Path], Expected]:
    MAKERS[make.__name__] = make
    return make


def letters(**special: str) -> hf.PreTrainedTokenizerFast:
    """Return a tokenizer with one token for each printable character, so that random tokens form a text."""
    known = [
        *special.values(),
        *(pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(c)[0][0] for c in string.printable[:95]),
    ]
    tokens = Tokenizer(models.BPE({letter: number for number, letter in enumerate(dict.fromkeys(known))}, []))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    return hf.PreTrainedTokenizerFast(tokenizer_object=tokens, model_max_length=512, **special)


def words(**names: str) -> hf.BertTokenizer:
    """Return a tokenizer of BERT's kind, with whole words and parts of words."""
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    said = " ".join([TEXT, OTHER, QUESTION, SAID, LONG, *LABELS, "this example is ."]).lower()
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str(said)
    pieces = [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase), *"0123456789"]
    vocabulary = dict.fromkeys([*marks, *(word for word, _ in split), *pieces])
    return hf.BertTokenizer(vocab={word: number for number, word in enumerate(vocabulary)}, model_max_length=128)


def settled(network: hf.PreTrainedModel, seed: int = 1) -> hf.PreTrainedModel:
    """Set weights that are large enough to matter, and the same in every run."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.25)
            elif name.endswith("bias"):
                weight.normal_(0, 0.05)
    return network.eval()


def saved(folder: Path, network: hf.PreTrainedModel, *others: hf.PreTrainedTokenizerFast) -> None:
    for thing in (network, *others):
        thing.save_pretrained(folder)


def written(network: hf.PreTrainedModel, tokenizer: hf.PreTrainedTokenizerFast, **settings: torch.Tensor) -> str:
    with torch.inference_mode():
        ids = network.generate(do_sample=False, num_beams=1, max_new_tokens=12, **settings)[0]
    length = 0 if network.config.is_encoder_decoder else settings["input_ids"].shape[1]
    text: str = tokenizer.decode(ids[length:], skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def causal(folder: Path, config: hf.PreTrainedConfig, template: str = TEMPLATE) -> Expected:
    tokenizer = letters(bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = template
    config.vocab_size, config.bos_token_id, config.eos_token_id = len(tokenizer), 0, 1
    config.pad_token_id = None
    network = settled(hf.AutoModelForCausalLM.from_config(config))
    tokenizer.add_tokens("flawed")  # a token that the network does not have
    saved(folder, network, tokenizer)
    asked = [{"role": "user", "content": TEXT}]
    chat = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    complete = tokenizer(TEXT, return_tensors="pt")
    return {
        "chat": written(network, tokenizer, input_ids=chat["input_ids"]),
        "complete": written(network, tokenizer, input_ids=complete["input_ids"]),
    }


@family
def gpt2(folder: Path) -> Expected:
    return causal(folder, hf.GPT2Config(n_positions=512, n_embd=32, n_layer=2, n_head=4))


@family
def llama(folder: Path) -> Expected:
    return causal(folder, hf.LlamaConfig(**SMALL, num_key_value_heads=2, max_position_embeddings=512), TOOLS)


@family
def mistral(folder: Path) -> Expected:
    return causal(folder, hf.MistralConfig(**SMALL, num_key_value_heads=2, head_dim=8, sliding_window=16))


@family
def falcon(folder: Path) -> Expected:
    sizes = {name: SMALL[name] for name in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    return causal(folder, hf.FalconConfig(**sizes, alibi=False, max_position_embeddings=512))


@family
def falcon_alibi(folder: Path) -> Expected:
    sizes = {name: SMALL[name] for name in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    return causal(folder, hf.FalconConfig(**sizes, alibi=True, new_decoder_architecture=False))


@family
def qwen(folder: Path) -> Expected:
    return causal(folder, hf.Qwen2Config(**SMALL, num_key_value_heads=2, max_position_embeddings=512))


@family
def gemma(folder: Path) -> Expected:
    config = hf.Gemma3TextConfig(**SMALL, num_key_value_heads=2, head_dim=8, sliding_window=16)
    return causal(folder, config)


@family
def bert(folder: Path) -> Expected:
    tokenizer = words()
    config = hf.BertConfig(**SMALL, vocab_size=len(tokenizer), max_position_embeddings=128)
    network = settled(hf.BertForMaskedLM(config))
    saved(folder, network, tokenizer)
    asked = TEXT.replace(BLANK, "[MASK]") if BLANK in TEXT else f"{TEXT} {tokenizer.mask_token}."
    found = hf.pipeline("fill-mask", model=network, tokenizer=tokenizer, top_k=3)(asked)
    return {"fill": [[filling["token_str"], filling["score"]] for filling in found]}


@family
def bert_entities(folder: Path) -> Expected:
    tokenizer = words()
    config = hf.BertConfig(
        **SMALL, vocab_size=len(tokenizer), max_position_embeddings=128, id2label=dict(enumerate(ENTITIES))
    )
    network = settled(hf.BertForTokenClassification(config))
    saved(folder, network, tokenizer)
    tag = hf.pipeline("token-classification", model=network, tokenizer=tokenizer, aggregation_strategy="average")
    found = tag(TEXT)
    return {"tag": [[e["entity_group"], e["start"], e["end"], float(e["score"])] for e in found]}


@family
def bert_embeddings(folder: Path) -> Expected:
    tokenizer = words()
    network = settled(hf.BertModel(hf.BertConfig(**SMALL, vocab_size=len(tokenizer), max_position_embeddings=128)))
    saved(folder, network, tokenizer)
    vectors = []
    for text in (TEXT, OTHER):
        inputs = tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            mean = network(**inputs).last_hidden_state[0].mean(0)
        vectors.append((mean / mean.norm()).tolist())
    return {"embed": vectors}


@family
def distilbert(folder: Path) -> Expected:
    tokenizer = words()
    config = hf.DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, hidden_dim=48, n_layers=2, n_heads=4, max_position_embeddings=128
    )
    config.id2label = dict(enumerate(("NEGATIVE", "POSITIVE")))
    network = settled(hf.DistilBertForSequenceClassification(config))
    tokenizer.add_tokens("flawed")  # a token that the network does not have
    saved(folder, network, tokenizer)
    classify = hf.pipeline("text-classification", model=network, tokenizer=tokenizer, top_k=None)
    return {"classify": [[[label["label"], label["score"]] for label in row] for row in classify([TEXT, OTHER])]}


@family
def distilbert_answers(folder: Path) -> Expected:
    tokenizer = words()
    config = hf.DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, hidden_dim=48, n_layers=2, n_heads=4, max_position_embeddings=128
    )
    network = settled(hf.DistilBertForQuestionAnswering(config), seed=3)
    saved(folder, network, tokenizer)
    inputs = tokenizer(QUESTION, SAID, return_tensors="pt", return_offsets_mapping=True)
    places = inputs.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        out = network(**{name: inputs[name] for name in ("input_ids", "attention_mask")})
    inside = [number for number, part in enumerate(inputs.sequence_ids(0)) if part == 1]
    starts, ends = out.start_logits[0], out.end_logits[0]
    best = max(
        ((start, end) for start in inside for end in inside if start <= end < start + 30),
        key=lambda span: float(starts[span[0]] + ends[span[1]]),
    )
    return {"extract": SAID[places[best[0]][0] : places[best[1]][1]]}


@family
def roberta(folder: Path) -> Expected:
    tokenizer = letters(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>")
    tokenizer.backend_tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    config = hf.RobertaConfig(
        **SMALL, vocab_size=len(tokenizer), max_position_embeddings=300, pad_token_id=2, bos_token_id=0, eos_token_id=1
    )
    config.id2label = dict(enumerate(("contradiction", "neutral", "entailment")))
    config.label2id = {name: number for number, name in config.id2label.items()}
    network = settled(hf.RobertaForSequenceClassification(config))
    saved(folder, network, tokenizer)
    choose = hf.pipeline("zero-shot-classification", model=network, tokenizer=tokenizer)
    expected = {}
    for name, several in (("choose", False), ("choose several", True)):
        found = choose(TEXT, list(LABELS), multi_label=several)
        expected[name] = [list(pair) for pair in zip(found["labels"], found["scores"], strict=True)]
    return expected


def seq2seq(folder: Path, network: hf.PreTrainedModel, tokenizer: hf.PreTrainedTokenizerFast) -> Expected:
    saved(folder, settled(network, seed=4), tokenizer)
    network = type(network).from_pretrained(folder)  # loading may compute the positions in another way
    inputs = tokenizer(TEXT, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    return {"rewrite": written(network, tokenizer, **inputs)}


@family
def t5(folder: Path) -> Expected:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -5.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in string.ascii_letters + string.digits + ".,?'"]
    backend = Tokenizer(models.Unigram(pieces, unk_id=2))
    backend.normalizer = normalizers.Nmt()
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=256
    )
    config = hf.T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    config.task_specific_params = {purpose: {"prefix": prefix} for purpose, prefix in PREFIXES.items()}
    return seq2seq(folder, hf.T5ForConditionalGeneration(config), tokenizer)


BOTH_SIDES = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
}


@family
def bart(folder: Path) -> Expected:
    tokenizer = letters(bos_token="<s>", pad_token="<pad>", eos_token="</s>")
    tokenizer.backend_tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    config = hf.BartConfig(
        **BOTH_SIDES, vocab_size=len(tokenizer), max_position_embeddings=256, forced_eos_token_id=None
    )
    return seq2seq(folder, hf.BartForConditionalGeneration(config), tokenizer)


def sentence_pieces(folder: Path, *first: str) -> tuple[str, str]:
    """Write a sentencepiece model, and its vocabulary after these special tokens, as files."""
    made = io.BytesIO()
    sentences = [TEXT, OTHER, QUESTION, SAID, *LONG.split(". ")]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=made, vocab_size=60, hard_vocab_limit=False, minloglevel=2
    )
    (folder / "both.spm").write_bytes(made.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    names = dict.fromkeys([*first, *(pieces.id_to_piece(n) for n in range(len(pieces))), "<pad>"])
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    return str(folder / "both.spm"), str(folder / "vocab.json")


@family
def marian(folder: Path) -> Expected:
    pieces, vocabulary = sentence_pieces(folder, "</s>", "<unk>")
    tokenizer = hf.MarianTokenizer(
        source_spm=pieces, target_spm=pieces, vocab=vocabulary, source_lang="en", target_lang="de"
    )
    pad = tokenizer.pad_token_id
    config = hf.MarianConfig(
        **BOTH_SIDES,
        vocab_size=len(tokenizer),
        decoder_vocab_size=len(tokenizer),
        max_position_embeddings=256,
        pad_token_id=pad,
        decoder_start_token_id=pad,
        eos_token_id=0,
        forced_eos_token_id=None,
    )
    return seq2seq(folder, hf.MarianMTModel(config), tokenizer)


@family
def m2m(folder: Path) -> Expected:
    pieces, vocabulary = sentence_pieces(folder, "<s>", "<pad>", "</s>", "<unk>")
    tokenizer = hf.M2M100Tokenizer(vocab_file=vocabulary, spm_file=pieces, src_lang="en")
    size = max(map(tokenizer.get_lang_id, tokenizer.lang_code_to_token)) + 1
    config = hf.M2M100Config(**BOTH_SIDES, vocab_size=size, max_position_embeddings=256)
    network = hf.M2M100ForConditionalGeneration(config)
    saved(folder, settled(network, seed=4), tokenizer)
    inputs, german = tokenizer(TEXT, return_tensors="pt"), torch.tensor(tokenizer.get_lang_id("de"))
    return {"translate": written(network, tokenizer, **inputs, forced_bos_token_id=german)}


@family
def whisper(folder: Path) -> Expected:
    marks = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>"]
    marks += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    times = [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
    alphabet = list(letters().get_vocab())
    vocabulary = {piece: number for number, piece in enumerate([*alphabet, *marks, *times])}
    tokenizer = hf.WhisperTokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    number = vocabulary.__getitem__
    config = hf.WhisperConfig(
        **BOTH_SIDES,
        vocab_size=len(vocabulary),
        num_mel_bins=80,
        max_target_positions=64,
        decoder_start_token_id=number("<|startoftranscript|>"),
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), number("<|endoftext|>")),
    )
    network = settled(hf.WhisperForConditionalGeneration(config))
    network.generation_config = hf.GenerationConfig(
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), number("<|endoftext|>")),
        decoder_start_token_id=number("<|startoftranscript|>"),
        no_timestamps_token_id=number("<|notimestamps|>"),
        is_multilingual=True,
        lang_to_id={mark: number(mark) for mark in ("<|en|>", "<|de|>")},
        task_to_id={task: number(f"<|{task}|>") for task in ("translate", "transcribe")},
        max_length=40,
        max_initial_timestamp_index=50,
        return_timestamps=True,
    )
    features = hf.WhisperFeatureExtractor()
    processor = hf.WhisperProcessor(features, tokenizer)
    saved(folder, network, processor)
    return {}


@family
def vits(folder: Path) -> Expected:
    vocabulary = {letter: number for number, letter in enumerate(string.ascii_lowercase + " '-_")}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = hf.VitsTokenizer(
        str(folder / "vocab.json"), pad_token="_", unk_token="_", phonemize=False, is_uroman=False
    )
    config = hf.VitsConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        ffn_dim=16,
        flow_size=16,
        spectrogram_bins=9,
        prior_encoder_num_flows=2,
        prior_encoder_num_wavenet_layers=2,
        posterior_encoder_num_wavenet_layers=2,
        duration_predictor_num_flows=2,
        duration_predictor_filter_channels=16,
        depth_separable_num_layers=2,
        upsample_initial_channel=32,
        wavenet_dilation_rate=1,
    )
    torch.manual_seed(1)
    saved(folder, hf.VitsModel(config).eval(), tokenizer)
    return {}


def picture() -> Image.Image:
    return Image.open(Path(sys.argv[1]) / "picture.png").convert("RGB")


@family
def vit(folder: Path) -> Expected:
    config = hf.ViTConfig(**SMALL, image_size=32, patch_size=8, id2label=dict(enumerate(("cat", "dog", "house"))))
    network = settled(hf.ViTForImageClassification(config))
    processor = hf.ViTImageProcessorPil(size={"height": 32, "width": 32})
    saved(folder, network, processor)
    found = hf.pipeline("image-classification", model=network, image_processor=processor)(picture())
    return {"classify-picture": [[label["label"], label["score"]] for label in found]}


@family
def detr(folder: Path) -> Expected:
    backbone = hf.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", out_features=["stage2"]
    )
    config = hf.DetrConfig(
        **BOTH_SIDES,
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        num_queries=6,
        id2label=dict(enumerate(("cat", "dog", "house"))),
    )
    network = settled(hf.DetrForObjectDetection(config))
    processor = hf.DetrImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    saved(folder, network, processor)
    found = hf.pipeline("object-detection", model=network, image_processor=processor, threshold=0.3)(picture())
    return {"detect": [[box["label"], box["score"], *box["box"].values()] for box in found]}


def vision() -> hf.CLIPVisionConfig:
    return hf.CLIPVisionConfig(**SMALL, image_size=32, patch_size=8)


@family
def llava(folder: Path) -> Expected:
    tokenizer = letters(bos_token="<s>", eos_token="</s>", pad_token="<pad>", image_token="<image>")
    text = hf.LlamaConfig(**SMALL, vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=1)
    number = tokenizer.convert_tokens_to_ids("<image>")
    network = settled(
        hf.LlavaForConditionalGeneration(
            hf.LlavaConfig(vision_config=vision(), text_config=text, image_token_index=number)
        )
    )
    processor = hf.LlavaProcessor(
        hf.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template="{% for m in messages %}[{{ m.role }}]{% for c in m.content %}"
        "{{ '<image>' if c.type == 'image' else c.text }}{% endfor %}{% endfor %}[assistant]",
    )
    saved(folder, network, processor)
    inputs = processor(images=picture(), text=f"[user]<image>{QUESTION}[assistant]", return_tensors="pt")
    return {"ask-picture": written(network, tokenizer, **inputs)}


@family
def blip(folder: Path) -> Expected:
    tokenizer = words()
    text = {**SMALL, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "encoder_hidden_size": 32}
    text |= {"bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0, "projection_dim": 16}
    config = hf.BlipConfig(
        text_config=text,
        vision_config={**SMALL, "image_size": 32, "patch_size": 8, "projection_dim": 16},
        projection_dim=16,
        image_text_hidden_size=16,
    )
    network = settled(hf.BlipForConditionalGeneration(config))
    processor = hf.BlipProcessor(hf.BlipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer)
    saved(folder, network, processor)
    inputs = processor(images=picture(), return_tensors="pt")
    with torch.inference_mode():
        ids = network.generate(**inputs, max_new_tokens=12)[0]
    return {"describe": tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)}


def main(folder: Path, wanted: Sequence[str]) -> None:
    warnings.simplefilter("ignore")
    hf.logging.set_verbosity_error()
    hf.logging.disable_progress_bar()
    torch.set_num_threads(1)
    noise = np.random.default_rng(1).integers(0, 255, (*PICTURE_SIZE[::-1], 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "picture.png")
    expected = {}
    for name in wanted or MAKERS:
        (folder / name).mkdir()
        expected[name] = MAKERS[name](folder / name)
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
