"""What stands where a picture cannot be shown: a picture too, so that a page keeps its shape."""

from fastapi.responses import Response

GONE = "M8 8l8 8M16 8l-8 8"
UNREADABLE = "M12 7v6M12 16.5v.5"
HIDDEN = "M8 12h8"
LATER = "M12 8v4l3 2"

_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 24 24">'
    '<rect width="24" height="24" fill="#e6e4df"/>'
    '<circle cx="12" cy="12" r="7" fill="none" stroke="#8a867d" stroke-width="1"/>'
    '<path d="{sign}" fill="none" stroke="#8a867d" stroke-width="1.2" stroke-linecap="round"/>'
    "</svg>"
)


def placeholder(sign: str, status: int, size: int) -> Response:
    """A grey square with a sign in it; asked for again soon."""
    svg = _SVG.format(size=size, sign=sign)
    headers = {"cache-control": "private, max-age=30"}
    return Response(svg, status, headers, media_type="image/svg+xml")
