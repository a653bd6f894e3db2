"""What is trained beside the finished Toybox: ControlNets and an image adapter, whose files leave its own as it is."""
