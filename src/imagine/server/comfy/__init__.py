"""ComfyUI's dialect: a graph of its standard nodes that is one request is translated to it; nothing is executed."""
