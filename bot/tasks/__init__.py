"""One file a task, each offering TASK, a bot.tasks.engine.task.Task."""
