"""Examines what a machine and a spec have and lack, before anything is made."""
