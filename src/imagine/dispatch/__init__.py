"""Who goes next and where: the gateway's side of the workers."""
