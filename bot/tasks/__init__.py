"""The tasks: each file declares TASK, a bot.tasks.engine.task.Task."""
