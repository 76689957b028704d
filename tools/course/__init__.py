"""Courses with this book: assignments that a machine grades, students' notebooks and a teacher's kit."""
