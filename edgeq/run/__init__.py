"""The run room: models are executed in worker processes, never in this one."""
