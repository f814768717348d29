"""From a posed head to pictures: cameras, visible points, what they are made of, light."""
