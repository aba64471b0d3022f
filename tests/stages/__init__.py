"""Where scenarios are played: one stage a platform, with a real adapter, a strict server and the whole core behind it."""
