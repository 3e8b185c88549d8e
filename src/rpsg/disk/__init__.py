"""Files as RPSG writes and reads them: durable, private where they have to be, JSON in one spelling."""
