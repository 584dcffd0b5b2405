"""The routes, one module per matter; `ROUTERS` is all of them."""

from churn.api.routes import campaigns, health, jobs, models, monitoring, risk, scores, simulations

ROUTERS = (
    health.router,
    risk.direct,
    risk.router,
    scores.router,
    simulations.router,
    models.router,
    monitoring.router,
    campaigns.router,
    jobs.router,
)
