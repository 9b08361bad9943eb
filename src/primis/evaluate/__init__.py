"""What reconstructions keep."""

from primis.evaluate.metrics import bd_rate, ms_ssim, psnr, ssim

__all__ = ["bd_rate", "ms_ssim", "psnr", "ssim"]
