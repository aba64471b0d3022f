"""Ask a chat model: prompt, completion, images, reasoning, buttons."""
