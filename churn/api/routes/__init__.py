"""The routes, one module per matter; `ROUTERS` is all of them, those that are asked most first."""

from churn.api.routes import (
    audit,
    campaigns,
    experiments,
    health,
    jobs,
    models,
    monitoring,
    privacy,
    programmes,
    query,
    reports,
    risk,
    scores,
    simulations,
)

ROUTERS = (
    risk.router,
    scores.router,
    health.router,
    simulations.router,
    models.router,
    monitoring.router,
    reports.router,
    campaigns.router,
    programmes.router,
    programmes.moments,
    experiments.router,
    jobs.router,
    privacy.router,
    audit.router,
    query.router,
)
