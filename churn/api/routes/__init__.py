"""The routes, one module per matter; `ROUTERS` is all of them."""

from churn.api.routes import (
    audit,
    campaigns,
    health,
    jobs,
    models,
    monitoring,
    privacy,
    reports,
    risk,
    scores,
    simulations,
)

ROUTERS = (
    health.router,
    risk.router,
    scores.router,
    simulations.router,
    models.router,
    monitoring.router,
    reports.router,
    campaigns.router,
    jobs.router,
    privacy.router,
    audit.router,
)
