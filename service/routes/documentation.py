"""The page that shows the OpenAPI document. All it loads comes from the service itself."""

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sharpening service</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<link rel="icon" href="docs/assets/favicon-32x32.png">
</head>
<body>
<div id="documentation"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#documentation",
  validatorUrl: null,
  tryItOutEnabled: true,
  displayRequestDuration: true,
})
"""
"""A file of its own, because the pages' policy allows no script inside them."""

router = APIRouter(include_in_schema=False)


def install_documentation(app: FastAPI) -> None:
    """Add the page, and beside it Swagger UI as the package `fastapi-swagger` ships it."""
    app.include_router(router)
    assets = StaticFiles(packages=[("fastapi_swagger", "resources")])
    app.mount("/docs/assets", assets, name="documentation")


@router.get("/docs")
async def show_documentation() -> HTMLResponse:
    return HTMLResponse(_PAGE)


@router.get("/docs/start.js")
async def show_script() -> Response:
    return Response(_START, media_type="text/javascript")
