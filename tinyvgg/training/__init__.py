"""Section "Training of the networks": protocol, epochs, checkpoint, and one training as a unit."""
