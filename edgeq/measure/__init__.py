"""The measure room: arrays and bytes in, numbers out. It judges nothing and runs nothing."""
