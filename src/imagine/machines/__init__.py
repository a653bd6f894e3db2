"""Workers on other machines: what crosses to them, how they are reached, and what of what they say is believed."""
