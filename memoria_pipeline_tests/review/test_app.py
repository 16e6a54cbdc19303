"""What all answers have in common."""

import pytest

from memoria_pipeline_tests.review.seeded import ROLES, ClientOf


@pytest.mark.parametrize("role", ROLES)
def test_health_is_told_to_everybody(client_of: ClientOf, role: str) -> None:
    said = client_of(role).get("/health")
    assert said.status_code == 200
    assert said.json() == {
        "status": "healthy",
        "version": "0.1.0",
        "model_loaded": False,
        "gpu_available": False,
    }
