"""The measures of each task: functions of the outputs of two models, one module a task."""
