"""What loaded models can do, a file for each way of working. All of this runs in the models' process alone."""
