"""The async core of Shoulders: it knows no platform and no SDK of one."""

__version__ = "0.1.0"
