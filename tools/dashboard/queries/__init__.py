"""Questions with plain answers, for the API, the pages and the command line alike."""
