"""What was shipped before, what is shipped now and what people made of it, merged field by field."""
