"""The Grafana dashboards as code: `files.py` makes the JSON in `docker/grafana/dashboards/`."""
