"""The command line and the composition root: wires every part by constructor arguments."""
