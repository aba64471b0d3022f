"""Settings, policy, limits, retention and audit: the rules in force, and who may change them."""
