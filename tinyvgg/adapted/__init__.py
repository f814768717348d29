"""Any model, brought into the form that the method knows: `as_network`."""
