"""Finding what nobody wrote a scenario for: what can go wrong in a world, and what is made of it when it does."""
