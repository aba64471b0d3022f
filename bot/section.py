"""The base class of every configuration section."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen table of config.toml. An unknown key is an error, and so is a value of the wrong type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)
