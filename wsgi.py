"""For WSGI servers and for `flask --app wsgi`: the web part alone; run `forum worker` beside it."""

from forum import create_app
from forum.cli import forum

app = create_app()
for command in forum.commands.values():
    app.cli.add_command(command)
