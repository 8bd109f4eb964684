"""How a model is executed: in worker processes, never in this one."""
