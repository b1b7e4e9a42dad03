"""The command line: one file a verb. stdout carries only what was asked for; progress and messages go to stderr."""
