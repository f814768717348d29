"""Who is photographed: the head's data and shape, colours, haircut, and the expressions."""
