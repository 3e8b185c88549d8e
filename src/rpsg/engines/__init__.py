"""Where work is done that can be divided: on this machine, or by workers on the nodes of a Ray cluster."""
