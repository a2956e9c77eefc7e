//! Is this a comment at all? Parses an event into a typed, sanitised comment, or says what is wrong with each field.
