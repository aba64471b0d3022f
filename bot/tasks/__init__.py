"""One file a task, each offering TASK, a bot.task.Task."""
