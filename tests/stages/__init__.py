"""Where scenarios are played: a stage a platform, with its real adapter, a strict server and the whole core."""
