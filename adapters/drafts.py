"""Pacing, splitting and fences: how a reply becomes platform messages, shared by all platforms. (Interface first.)"""
