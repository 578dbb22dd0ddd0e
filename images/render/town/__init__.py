"""What stands where: streets, houses, signs, furniture, and from where a sign can be seen. Pure geometry."""
