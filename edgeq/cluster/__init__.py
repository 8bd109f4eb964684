"""The cluster: runs portions of an evaluation on other machines, as Ray actors."""
