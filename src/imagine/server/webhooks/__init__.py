"""Messages to the addresses that orders name and the owner allows: signed, sent until they are taken, and no others."""
